"""What people see when they open the address in a browser. Never imported before somebody does."""
