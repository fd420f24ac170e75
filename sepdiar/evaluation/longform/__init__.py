"""Whether two channels stay right for hours, ours beside the stock way: the command behind `eval/longform/`.

cases.py what is measured · ways.py how windows become channels · work.py one way over some recordings, a process of its own ·
results.py scores, once for all · sheets.py the tables · plot.py the picture · __main__.py the command
"""
