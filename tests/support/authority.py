"""An authority of a test's own: certificates that say by one URI who shows them, as the platform's do."""
import pathlib
import ssl
import subprocess


class Authority:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.certificate, self.key = self.folder / "authority.pem", self.folder / "authority.key"
        self.run("req", "-x509", *self.new_key(self.key), "-out", self.certificate, "-days", "1",
                 "-subj", "/CN=a test's authority")

    @staticmethod
    def run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    @staticmethod
    def new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path

    def issue(self, identity):
        """The path of certificate and key in one."""
        path = self.folder / (identity.replace(":", "-") + ".pem")
        request, key, made = (self.folder / name for name in ("request", "key", "made"))
        self.run("req", "-new", *self.new_key(key), "-out", request, "-subj", "/",
                 "-addext", f"subjectAltName=URI:{identity}")
        self.run("x509", "-req", "-in", request, "-copy_extensions", "copy", "-days", "1", "-out", made,
                 "-CA", self.certificate, "-CAkey", self.key)
        path.write_bytes(made.read_bytes() + key.read_bytes())
        return path

    def server(self, identity):
        """What a server shows that asks its clients for a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(identity))
        context.load_verify_locations(self.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        return context
