"""The results of training runs, one JSON object a line, and the tables and pictures made from them."""
