"""The benchmarks of meetings and conversations: LibriCSS, AMI, VoxConverse, CHiME-6, and a LibriCSS made from any speech.

The data are the user's. A command checks their layout, runs a chain over every recording as `sepdiar process` does, in a run
directory below its `--out`, scores what came of it with the published protocol, and shows that beside the published rows.
"""
