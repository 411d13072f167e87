#include "common/program/memory.hpp"

#include <malloc.h>

namespace rpcbroker {
namespace {

constexpr int mebibyte = 1 << 20;
constexpr int step = 16 * mebibyte;  // address space that is asked for at once; pages count when they are first used

}  // namespace

// Sanitizers' allocators take no such options and do without.
void keep_freed_memory(int most_kept) noexcept {
    mallopt(M_MMAP_MAX, 0);  // no size gets a mapping of its own; by M_MMAP_THRESHOLD that ends at 32 MiB
    mallopt(M_TRIM_THRESHOLD, most_kept * mebibyte);
    mallopt(M_TOP_PAD, step);
}

void use_one_arena() noexcept { mallopt(M_ARENA_MAX, 1); }

}  // namespace rpcbroker
