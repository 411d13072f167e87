#include "gateway/lane.hpp"

#include <utility>

namespace rpcbroker {

Lane::~Lane() {
    for (const auto id : started_) calls_.cancel(id);
}

void Lane::call(std::string method, CallOptions options, Prepare prepare, Done done) {
    auto call =
        std::make_shared<Call>(Call{std::move(method), std::move(options), std::move(prepare), std::move(done)});
    ++waiting_;
    catalog_.find(call->method, [this, call, alive = std::weak_ptr{alive_}](const MethodInfoPtr& info) {
        if (!alive.expired()) start(info, call);
    });
}

void Lane::start(const MethodInfoPtr& info, const std::shared_ptr<Call>& call) {
    --waiting_;
    auto params = call->prepare(*info);
    if (!params) return call->done(*info, std::move(params).error());
    auto id = std::make_shared<CallId>(0);
    *id = calls_.start(call->method, *params, call->options, [this, info, call, id](Result<RawReply> reply) {
        started_.erase(*id);
        call->done(*info, std::move(reply));
    });
    started_.insert(*id);
}

}  // namespace rpcbroker
