"""Keras layers of which the language model is made: one public class a file."""
