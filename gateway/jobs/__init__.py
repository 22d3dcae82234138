"""Work that runs in a process of its own and dies with the worker that wanted it.

Analysis and drawing need gigabytes and may crash in native code: a child gives the memory back and takes the crash.
Each job is a module, so that an analysis does not wait for the imports of the drawing.
"""
