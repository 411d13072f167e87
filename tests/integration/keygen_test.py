"""rpc-keygen: two files, who may read them, and what it refuses."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import zmq
import zmq.utils.z85

from rpckit import BIN, clean_environment, main


def keygen(*arguments, **more):
    return subprocess.run([BIN / "rpc-keygen", *arguments], capture_output=True, text=True, timeout=60,
                          env=clean_environment(), **more)


def key_in(path):
    """The key of a file, by its format as documented."""
    return path.read_text().splitlines()[-1].split()[1].encode()


class KeygenTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def test_it_writes_a_pair_that_belongs_together(self):
        made = keygen("alice", cwd=self.directory)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        self.assertEqual(sorted(os.listdir(self.directory)), ["alice.key", "alice.pub"])
        public, secret = (key_in(self.directory / name) for name in ("alice.pub", "alice.key"))
        self.assertEqual(zmq.curve_public(secret), public)
        self.assertEqual(len(zmq.utils.z85.decode(secret)), 32)

    def test_the_secret_key_is_its_owners_whatever_the_umask(self):
        for name, mask in ("open", 0o000), ("usual", 0o022), ("closed", 0o777):
            with self.subTest(umask=oct(mask)):
                made = keygen(self.directory / name, preexec_fn=lambda mask=mask: os.umask(mask))
                self.assertEqual(made.returncode, 0, made.stderr)
                self.assertEqual((self.directory / f"{name}.key").stat().st_mode & 0o7777, 0o600)
                self.assertEqual((self.directory / f"{name}.pub").stat().st_mode & 0o7777, 0o644)

    def test_it_shows_no_secret(self):
        made = keygen(self.directory / "alice")
        self.assertNotIn(key_in(self.directory / "alice.key").decode(), made.stdout + made.stderr)
        self.assertIn(f"alice client {key_in(self.directory / 'alice.pub').decode()} ", made.stdout)

    def test_it_overwrites_nothing_and_leaves_nothing_half_done(self):
        for there in "alice.key", "alice.pub":
            with self.subTest(there=there):
                path = self.directory / there
                path.write_text("mine\n")
                made = keygen(self.directory / "alice")
                self.assertEqual((made.returncode, made.stdout), (1, ""))
                self.assertIn(f"{there} is there already", made.stderr)
                self.assertEqual(os.listdir(self.directory), [there])
                self.assertEqual(path.read_text(), "mine\n")
                path.unlink()

    def test_it_does_not_follow_a_link(self):
        (self.directory / "alice.key").symlink_to(self.directory / "elsewhere")
        self.assertEqual(keygen(self.directory / "alice").returncode, 1)
        self.assertFalse((self.directory / "elsewhere").exists())

    def test_a_directory_that_is_not_there_is_named(self):
        made = keygen(self.directory / "none" / "alice")
        self.assertEqual(made.returncode, 1)
        self.assertIn("none/alice.key: No such file", made.stderr)

    def test_a_name_that_no_key_can_have_is_a_mistake(self):
        for name in "", "a b", "-", ".hidden", "x/", "a" * 65, "a,b":
            with self.subTest(name=name):
                made = keygen("--", name, cwd=self.directory)
                self.assertEqual((made.returncode, made.stdout), (2, ""))
                self.assertIn("NAME", made.stderr)
        self.assertEqual(os.listdir(self.directory), [])
        self.assertEqual(keygen(cwd=self.directory).returncode, 2)

    def test_it_adds_a_line_for_each_role(self):
        file = self.directory / "authorized"
        file.write_text("# who may come")  # without an end of line
        made = keygen("broker", "w-1:worker", "alice:client", "ops:admin", "--allow", "EchoUtil.*", "--allow", "A.b",
                      "--authorized", "authorized", cwd=self.directory)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        public = {name: key_in(self.directory / f"{name}.pub").decode() for name in ("w-1", "alice", "ops")}
        self.assertEqual(file.read_text().splitlines(),
                         ["# who may come"] + [f"{name} {role} {public[name]} EchoUtil.* A.b" for name, role in
                                               (("w-1", "worker"), ("alice", "client"), ("ops", "admin"))])
        self.assertTrue((self.directory / "broker.key").exists())
        self.assertIn("rpc-broker --key broker.key --authorized authorized\n", made.stdout)
        self.assertIn("rpc-worker --key w-1.key --broker-key broker.pub\n", made.stdout)

    def test_a_file_that_it_makes_is_its_owners_to_write(self):
        keygen("a:client", "--allow", "*", "--authorized", "authorized", cwd=self.directory,
               preexec_fn=lambda: os.umask(0))
        self.assertEqual((self.directory / "authorized").stat().st_mode & 0o7777, 0o644)

    def test_what_a_broker_would_refuse_is_not_written(self):
        file = self.directory / "authorized"
        for before, pattern, said in ("alice client nonsense *\n", "*", "line 1"), ("", "Echo*", "line 1"), ("", "rpc.*", "rpc"):
            with self.subTest(before=before, pattern=pattern):
                file.write_text(before)
                made = keygen("a:client", "--allow", pattern, "--authorized", "authorized", cwd=self.directory)
                self.assertEqual((made.returncode, made.stdout), (1, ""))
                self.assertIn(said, made.stderr)
                self.assertEqual(file.read_text(), before)
                self.assertEqual(os.listdir(self.directory), ["authorized"])

    def test_of_several_pairs_all_are_made_or_none(self):
        (self.directory / "alice.pub").write_text("mine\n")
        made = keygen("broker", "alice:client", "--allow", "*", "--authorized", "authorized", cwd=self.directory)
        self.assertEqual((made.returncode, made.stdout), (1, ""))
        self.assertEqual(os.listdir(self.directory), ["alice.pub"])

    def test_roles_need_a_file_and_patterns(self):
        for words, said in ((["a:client", "--allow", "*"], "--authorized is missing"),
                            (["a:client", "--authorized", "f"], "--allow is missing"),
                            (["a:king", "--allow", "*", "--authorized", "f"], "a role is client, worker or admin"),
                            (["a", "--authorized", "f"], "no role is given")):
            with self.subTest(words=words):
                made = keygen(*words, cwd=self.directory)
                self.assertEqual((made.returncode, made.stdout), (2, ""))
                self.assertIn(said, made.stderr)
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    main()
