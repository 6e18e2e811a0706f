// What a process is born into and may lose while it runs: standard streams that are closed, readers
// of pipes that leave, limits on the size of files.
#pragma once

namespace hadal {

// To be called first of all. Opens what is closed of standard input, output and errors, in such a
// way that its use still fails: otherwise the next file or socket would take its number, and
// messages would be written into it. Makes a write to a pipe without reader, or beyond the limit of
// the size of files, an error of that write instead of an end of the process.
void settle_into_surroundings();

// For a server: a terminal that goes away neither ends it (SIGHUP) nor stops it (SIGTTOU, a write
// from the background under `stty tostop`).
void outlive_terminal();

}  // namespace hadal
