"""Kind `network`: hpsearch's own network on prepared arrays."""
