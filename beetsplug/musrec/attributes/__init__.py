"""The attributes that items get: their names and types; `musrec_core.attribute_text` has the form of their values."""
