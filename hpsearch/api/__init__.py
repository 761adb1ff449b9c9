"""What `import hpsearch` offers; `hpsearch/__init__.py` loads these names when they are used."""
