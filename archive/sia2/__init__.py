"""Simple Image Access 2.0: the images and cubes of `ivoa.obscore`, asked for by parameters."""
