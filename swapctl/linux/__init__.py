"""The kernel's interfaces; nothing outside this package talks to the kernel.

Functions take an open file descriptor, or a root prefix under which /proc and /sys are found, and
return records of `swapctl.facts` or plain values. They raise OSError as the kernel gave it.
"""
