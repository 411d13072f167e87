"""A RabbitMQ node of one's own: its files in a folder, its ports free ones, with an epmd of its own. The node that
Debian's package runs as a service is not touched."""

from processes import accepts, free_port

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the script in /usr/sbin would change to another user


def start(processes):
    """Starts it, and returns its port once it serves."""
    folder, port, names_port = processes.folder, free_port(), free_port()
    (folder / "rabbitmq.conf").write_text("loopback_users.guest = true\n")
    (folder / "enabled_plugins").write_text("[].\n")
    names = {"ERL_EPMD_PORT": str(names_port), "ERL_EPMD_ADDRESS": "127.0.0.1", "HOME": str(folder)}
    epmd = processes.start("epmd", environment=names, silent=True)
    processes.until(epmd, lambda: accepts(names_port))
    server = processes.start(SERVER, environment=names | {
        "RABBITMQ_NODENAME": "compare@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_BASE": str(folder), "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        # Schedulers that spin take the cores from the client and the worker: its "Runtime Tuning", thread busy waiting.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
            "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
        "RUNNING_UNDER_SYSTEMD": "yes",  # the script becomes the server then, and signals reach it
    }, silent=True)
    processes.until(server, lambda: accepts(port))
    return port
