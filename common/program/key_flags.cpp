#include "common/program/key_flags.hpp"

#include <utility>

#include "common/program/secrets.hpp"

namespace rpcbroker {

void KeyFlags::add(Flags& flags) {
    flags.add_text(own_, own_file_, "FILE", "our secret key, for a broker with keys (NAME.key, see rpc-keygen)");
    flags.add_text("--broker-key", broker_file_, "FILE", "the broker's public key (NAME.pub)");
}

std::optional<std::string> KeyFlags::read(const Flags& flags, std::optional<PeerKeys>& keys) const {
    const bool has_own = flags.given(own_);
    if (has_own != flags.given("--broker-key"))
        return has_own ? own_ + " needs --broker-key: the public key of the broker, so that nobody else is taken for it"
                       : "--broker-key needs " + own_ + ": our own secret key";
    if (!has_own) return std::nullopt;
    keep_secrets();
    auto own = read_secret_key(own_file_);
    if (!own) return own_ + ": " + own.error().message();
    auto broker = read_public_key(broker_file_);
    if (!broker) return "--broker-key: " + broker.error().message();
    keys = PeerKeys{*std::move(own), *std::move(broker)};
    return std::nullopt;
}

}  // namespace rpcbroker
