#include "gateway/catalog.hpp"

#include <chrono>
#include <utility>

#include <rpcbroker/convert.hpp>

namespace rpcbroker {

void Catalog::find(const std::string& method, Found found) {
    auto& item = items_[method];
    if (item.info) {
        if (std::exchange(item.old, false)) ask(method, item);
        return found(item.info);
    }
    item.waiting.push_back(std::move(found));
    if (item.waiting.size() == 1) ask(method, item);
}

void Catalog::forget(const std::string& method) {
    const auto found = items_.find(method);
    if (found != items_.end() && found->second.info) items_.erase(found);
}

void Catalog::grow_old() {
    for (auto& [method, item] : items_) item.old = true;
}

void Catalog::ask(const std::string& method, Item& item) {
    using namespace std::chrono_literals;
    const auto question = item.question = ++last_question_;
    std::string params;
    pack_params(params, method);
    CallOptions options;
    options.timeout = 2s;
    calls_.start("rpc.describe", std::move(params), options,
                 [this, method, question](const Result<RawReply>& reply) { answered(method, question, reply); });
}

/// Of strangers' method names nothing is kept.
void Catalog::answered(const std::string& method, std::uint64_t question, const Result<RawReply>& reply) {
    const auto found = items_.find(method);
    if (found == items_.end() || found->second.question != question) return;
    const auto waiting = std::exchange(found->second.waiting, {});
    auto info = std::make_shared<MethodInfo>();
    if (reply)
        *info = read_method_info(reply->result);
    else
        info->missing = reply.error();
    const bool is_gone =
        !reply && (reply.error().code() == Code::not_found || reply.error().code() == Code::unimplemented);
    if (info->known)
        found->second.info = info;
    else if (is_gone || !found->second.info)
        items_.erase(found);
    for (const auto& each : waiting) each(info);
}

}  // namespace rpcbroker
