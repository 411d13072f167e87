// The calls of one connection.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "common/time.hpp"
#include "gateway/calls.hpp"
#include "gateway/catalog.hpp"

namespace rpcbroker {

/// Its end cancels what is under way, and nothing calls back after that. Not thread-safe; `calls` and `catalog` outlive it.
class Lane {
public:
    /// The packed parameters, once it is known what the method takes. The error ends the call.
    using Prepare = std::function<Result<std::string>(const MethodInfo&)>;
    using Done = std::function<void(const MethodInfo&, Result<RawReply>)>;

    /// Whether a call streams: `always`, or when its method does, be it registered only after the call was made.
    struct Streaming {
        Calls::Item item{};
        bool always = false;
    };

    Lane(Calls& calls, Catalog& catalog) : calls_(calls), catalog_(catalog) {}
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// `done` may be called from within.
    void call(std::string method, CallOptions options, Prepare prepare, Done done);
    void call(std::string method, CallOptions options, Prepare prepare, Done done, Streaming streaming);
    /// Nobody hears what becomes of it, and it is not cancelled.
    void notify(const std::string& method, CallOptions options, Prepare prepare);
    /// Of the broker itself.
    void ask(std::string_view method, std::function<void(Result<RawReply>)> done);
    /// Of one of brokers().
    void ask_at(std::size_t broker, std::string_view method, Calls::Done done);
    void call_at(std::size_t broker, std::string_view method, std::string_view params, const CallOptions& options,
                 Calls::Done done);
    [[nodiscard]] std::span<const std::string> brokers() const { return calls_.brokers(); }
    [[nodiscard]] std::size_t under_way() const noexcept { return waiting_ + started_.size(); }

private:
    struct Call {
        std::string method;
        CallOptions options;
        Prepare prepare;
        Done done;
        Streaming streaming;
        TimePoint begun;
    };
    void prepared(const MethodInfoPtr& info, const std::shared_ptr<Call>& call);
    void try_as_stream(const MethodInfoPtr& info, const std::shared_ptr<Call>& call, Result<RawReply> refusal);
    [[nodiscard]] Calls::Done ending(const std::shared_ptr<CallId>& id, Calls::Done done);
    void start(std::string method, std::string params, CallOptions options, Calls::Done done,
               const Calls::Item& item = {});

    Calls& calls_;
    Catalog& catalog_;
    std::size_t waiting_ = 0;  ///< until it is known what their methods take
    std::unordered_set<CallId> started_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rpcbroker
