// The file that says which keys a broker lets in, and what they may do. No I/O: text in, a value or what is wrong out.
//
//     # name      role     public key                                 what it may call (a worker: register)
//     alice       client   Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID   EchoUtil.* Billing.Total
//     worker-1    worker   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7   EchoUtil.*
//     ops         admin    JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6   *
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

enum class Role : std::uint8_t {
    client,  ///< calls
    worker,  ///< registers methods, and calls nothing
    admin,   ///< calls, and may what rpc.calls and rpc.drain do
};

std::string_view name_of(Role role) noexcept;

/// What a key may call, or register. Nothing that is not said is allowed.
class Rights {
public:
    Rights() = default;
    static Rights everything() { return Rights{true}; }

    /// `*`, `Service.*` or `Service.Method`. What is wrong with it otherwise, as the rest of a sentence; empty: nothing.
    std::string add(std::string_view pattern);
    /// `method`: "Service.Method", parted by its last dot, as in a message.
    [[nodiscard]] bool allow(std::string_view method) const noexcept;

    friend bool operator==(const Rights&, const Rights&) = default;

private:
    explicit Rights(bool all) noexcept : all_(all) {}

    bool all_ = false;
    std::set<std::string, std::less<>> services_;  ///< all of whose methods are allowed
    std::set<std::string, std::less<>> methods_;
};

struct AuthorizedKey {
    std::string name;  ///< several keys may have one name, so that a key can be changed without a gap
    Role role = Role::client;
    std::string public_key;
    Rights rights;

    friend bool operator==(const AuthorizedKey&, const AuthorizedKey&) = default;
};

/// In the order of the file; each public key once. The error (INVALID_ARGUMENT) begins with the line: "line 2: …".
Result<std::vector<AuthorizedKey>> parse_authorized(std::string_view text);

}  // namespace rpcbroker
