"""The inside of an LSTM cell, drawn."""
