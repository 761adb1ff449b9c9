"""Kind `command`: a command of the user's, in any language."""
