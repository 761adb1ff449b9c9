"""What trains a trial, behind one small protocol."""
