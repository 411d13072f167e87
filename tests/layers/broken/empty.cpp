// Nothing: the layers are what is looked at.
