"""What the Custom Script Extension accepts, and how arguments become its settings.

This half knows the extension and nothing of Pulumi: it reaches no Pulumi, no file, no environment, no clock and no
randomness, and can be read, tested and fuzzed alone.

    handlers.py      the two handlers, as tables
    arguments.py     which arguments there are, and of what type
    values.py        what a single value must look like
    rules.py         what must hold between them
    scripts.py       the scripts, their names, bytes and URLs
    text.py          one canonical form of a script's text
    urls.py          what of a URL is secret, and where a download lands
    command_line.py  the command that runs the scripts
    digest.py        what makes them run again
    plan.py          what a reviewer reads
    compile.py       all of it together
    leaf.py          values that may be unknown, or secret
"""
