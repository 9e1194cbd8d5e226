"""Operations that dominate training time: a reference for every backend, and faster paths for some backends."""
