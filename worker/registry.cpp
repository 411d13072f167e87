#include "worker/registry.hpp"

#include <stdexcept>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker {
namespace {

/// "text: str" where the parameter has a name, else "str".
std::string shown_param(const Method& method, std::size_t index) {
    const auto& names = method.options.params;
    const auto& type = method.signature.params[index];
    return names.empty() || names[index].empty() ? type : names[index] + ": " + type;
}

void append_method(Packer& packer, const std::string& name, const Method& method) {
    packer.map(6);
    packer.string("name").string(name);
    packer.string("params").array(method.signature.params.size());
    for (std::size_t i = 0; i < method.signature.params.size(); ++i) packer.string(shown_param(method, i));
    packer.string("result").string(method.signature.result);
    packer.string("doc").string(method.options.doc);
    packer.string("idempotent").boolean(method.options.idempotent);
    packer.string("stream").boolean(method.signature.stream);
}

}  // namespace

Service& Registry::service(const std::string& name) {
    if (!is_method_name(name + ".x") || name == "rpc") {
        throw std::invalid_argument("\"" + name + "\" cannot be the name of a service");
    }
    Entry& entry = services_[name];
    if (!entry.service) entry.service = std::make_unique<Service>(*this, name);
    return *entry.service;
}

void Registry::add(const std::string& service, const std::string& name, Method method) {
    const auto full = service + "." + name;
    if (!is_method_name(full) || name.find('.') != std::string::npos) {
        throw std::invalid_argument("\"" + full + "\" cannot be the name of a method");
    }
    const auto& names = method.options.params;
    const auto wanted = method.signature.params.size();
    if (!names.empty() && names.size() != wanted) {
        throw std::invalid_argument(full + " has " + std::to_string(wanted) + " parameters, but names for " +
                                    std::to_string(names.size()));
    }
    method.name = full;
    const auto [added, is_new] = methods_.try_emplace(full, std::move(method));
    if (!is_new) throw std::invalid_argument("there is a method " + full + " already");
    services_.at(service).methods.emplace(name, &added->second);
}

const Method* Registry::find(std::string_view method) const {
    const auto found = methods_.find(method);
    return found == methods_.end() ? nullptr : &found->second;
}

bool Registry::has_service(std::string_view service) const { return services_.find(service) != services_.end(); }

std::string Registry::describe() const {
    std::string out;
    Packer packer{out};
    packer.array(services_.size());
    for (const auto& [name, entry] : services_) {
        packer.map(2).string("name").string(name);
        packer.string("methods").array(entry.methods.size());
        for (const auto& [method_name, method] : entry.methods) append_method(packer, method_name, *method);
    }
    return out;
}

void Service::add(const std::string& name, MethodOptions options, Signature signature,
                  std::unique_ptr<Handler> handler) {
    registry_->add(name_, name, {std::move(options), std::move(signature), std::move(handler)});
}

}  // namespace rpcbroker
