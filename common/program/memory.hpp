// How a program uses glibc's allocator.
#pragma once

namespace rpcbroker {

/// glibc by default gives the memory of a large body back to the system as soon as it is freed, and the next one faults it in
/// again, page by page, which costs more than all else that is done with it. After this, bodies of any size come from memory
/// that the process has, and some of what was freed is kept. Called first thing in main().
///
/// `most_kept`: MiB at the end of the heap; more is given back. A body is there up to three times at once.
void keep_freed_memory(int most_kept = 64) noexcept;
/// Beside it: all threads share one arena. malloc_trim gives back only what lies in the first.
void use_one_arena() noexcept;

}  // namespace rpcbroker
