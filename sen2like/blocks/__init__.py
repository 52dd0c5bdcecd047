"""The pluggable ``S2L_*`` blocks, one file each; :mod:`sen2like.blocks.registry` knows them and their order."""
