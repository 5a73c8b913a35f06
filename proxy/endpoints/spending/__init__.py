"""What keys have spent and have left: in the form that apps look for, and as the console's report."""
