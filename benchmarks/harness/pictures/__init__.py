"""The pictures of the documentation: one table of all, and the charts that they are made of."""
