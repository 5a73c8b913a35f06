"""What Sluice answers itself instead of relaying it."""
