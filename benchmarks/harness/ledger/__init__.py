"""The results of trainings, one JSON object a line, and the tables and pictures that are made of them."""
