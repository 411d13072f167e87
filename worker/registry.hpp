// All methods of a worker, by their full names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <rpcbroker/service.hpp>

namespace rpcbroker {

struct Method {
    MethodOptions options;
    Signature signature;
    std::unique_ptr<Handler> handler;
    std::string name = {};  ///< "Service.Method"; the registry's to fill in
};

/// Filled by one thread; after that, find() may be called from any.
class Registry {
public:
    /// Made on first use. Throws std::invalid_argument for a name that no service can have.
    Service& service(const std::string& name);
    /// Throws std::invalid_argument: see Service.
    void add(const std::string& service, const std::string& name, Method method);

    /// By "Service.Method"; null when there is none.
    [[nodiscard]] const Method* find(std::string_view method) const;
    [[nodiscard]] bool has_service(std::string_view service) const;
    /// The array of services for rpc.register, as MessagePack.
    [[nodiscard]] std::string describe() const;

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    struct Entry {
        std::unique_ptr<Service> service;
        std::map<std::string, const Method*> methods;
    };
    std::map<std::string, Entry, std::less<>> services_;
    std::unordered_map<std::string, Method, Hash, std::equal_to<>> methods_;
};

}  // namespace rpcbroker
