"""The proof: real pages through an area, watched from the outside."""
