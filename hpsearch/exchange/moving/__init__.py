"""Other tools' descriptions of a search as configurations: a module a tool."""
