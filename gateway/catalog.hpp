// What is known of methods: asked of the broker when one is first called, and asked again while it is in use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/calls.hpp"
#include "gateway/method_info.hpp"

namespace rpcbroker {

/// Not thread-safe. `calls` outlives it.
class Catalog {
public:
    using Found = std::function<void(const MethodInfoPtr&)>;

    explicit Catalog(Calls& calls) : calls_(calls) {}

    /// Calls back at once with what is known, else when the broker has answered. Never null; of a method that nobody
    /// registered, and when the broker does not answer, nothing is known.
    void find(const std::string& method, Found found);
    /// What is known of the method is not used any more.
    void forget(const std::string& method);
    /// What is known is to be asked again at its next use; until there is an answer it stays.
    void grow_old();

private:
    struct Item {
        MethodInfoPtr info;  ///< null: asked for, and not answered yet
        bool old = false;
        std::uint64_t question = 0;  ///< the latest about it; what answers an earlier one may be what was forgotten
        std::vector<Found> waiting;
    };
    void ask(const std::string& method, Item& item);
    void answered(const std::string& method, std::uint64_t question, const Result<RawReply>& reply);

    Calls& calls_;
    std::uint64_t last_question_ = 0;
    std::unordered_map<std::string, Item> items_;
};

}  // namespace rpcbroker
