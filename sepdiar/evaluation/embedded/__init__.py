"""What the chain that ships makes of dialogues whose truth is known, beside the baselines: the command behind `eval/embedded/`.

cases.py what is measured · systems.py who is measured · scores.py one recording against its truth · sheets.py tables · plot.py
the picture · __main__.py the command
"""
