"""What each stage of a chain costs, alone and together: the system's stages and the truth's in every combination.

truths.py recordings made ready, so that the oracles of all stages find them · branches.py many chains over one recording, what
they share done once · cells.py which chains · scores.py one recording against its truth · figures.py counts into figures ·
costs.py figures of the cells into costs and shares · results.py, sheets.py, plot.py what is shown · run.py the function
"""
