"""Kind `function`: a Python function of the user's."""
