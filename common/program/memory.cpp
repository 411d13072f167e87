#include "common/program/memory.hpp"

#include <malloc.h>

namespace rpcbroker {
namespace {

constexpr int mebibyte = 1 << 20;
constexpr int largest_reused = 32 * mebibyte;  // the most that glibc allows
constexpr int most_kept = 64 * mebibyte;
constexpr int step = 16 * mebibyte;  // address space that is asked for at once; pages count when they are first used

}  // namespace

// Sanitizers' allocators take no such options and do without.
void keep_freed_memory() noexcept {
    mallopt(M_MMAP_THRESHOLD, largest_reused);
    mallopt(M_TRIM_THRESHOLD, most_kept);
    mallopt(M_TOP_PAD, step);
}

void use_one_arena() noexcept { mallopt(M_ARENA_MAX, 1); }

}  // namespace rpcbroker
