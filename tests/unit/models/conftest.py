import importlib

importlib.import_module("nextword")  # before any test imports Keras: it chooses the backend
