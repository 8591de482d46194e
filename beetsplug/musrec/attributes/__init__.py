"""The attributes that items get: their names, types and codecs."""
