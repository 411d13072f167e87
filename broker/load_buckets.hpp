// Workers by how many calls they have, so that the least loaded one is found in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rpcbroker::broker {

/// A place in a LoadBuckets, a base of what is kept in it.
struct LoadNode {
    LoadNode* next = nullptr;
    LoadNode* previous = nullptr;
    std::uint32_t bucket = 0;
    bool linked = false;
};

/// Does not own its nodes. Within a bucket the one that came first is first: equal workers are served in turn. Loads of
/// `buckets - 1` and more are taken as equal. Not thread-safe.
class LoadBuckets {
public:
    static constexpr std::uint32_t buckets = 4096;

    LoadBuckets() = default;
    LoadBuckets(const LoadBuckets&) = delete;
    LoadBuckets& operator=(const LoadBuckets&) = delete;

    /// Puts the node where its load says, last in its bucket; takes it out of where it was.
    void place(LoadNode& node, std::uint32_t load);
    void remove(LoadNode& node) noexcept;
    /// The least loaded, and of equals the one that waits longest; null when empty.
    [[nodiscard]] LoadNode* least() const noexcept;

private:
    struct List {
        LoadNode* first = nullptr;
        LoadNode* last = nullptr;
    };
    std::vector<List> lists_;                             ///< as many as the highest load so far asked for
    std::array<std::uint64_t, buckets / 64> occupied_{};  ///< a bit a bucket
    std::uint64_t summary_ = 0;                           ///< a bit a word of `occupied_`
};

}  // namespace rpcbroker::broker
