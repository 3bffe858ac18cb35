import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A Java application that uses the card: java Card.java CONFIGURATION PASSCODE COMMAND... */
public final class Card {
    private static final byte[] MESSAGE = "a message for the spine".getBytes(StandardCharsets.UTF_8);

    private final Provider provider;
    private final KeyStore store;
    private final char[] passcode;

    private Card(String configuration, String passcode) throws Exception {
        provider = Security.getProvider("SunPKCS11").configure(configuration);
        Security.addProvider(provider);
        this.passcode = passcode.toCharArray();
        store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, this.passcode);
    }

    public static void main(String[] arguments) throws Exception {
        Card card = new Card(arguments[0], arguments[1]);
        switch (arguments[2]) {
            case "signatures" -> card.signatures(arguments[3]);
            case "tls" -> card.tls(arguments[3], Integer.parseInt(arguments[4]), arguments[5]);
            default -> throw new IllegalArgumentException(arguments[2]);
        }
    }

    /** The alias of the first private key of this algorithm. */
    private String alias(String algorithm) throws Exception {
        for (String alias : java.util.Collections.list(store.aliases())) {
            if (store.isKeyEntry(alias)
                    && store.getCertificate(alias).getPublicKey().getAlgorithm().equals(algorithm)) {
                return alias;
            }
        }
        throw new IllegalStateException("no " + algorithm + " key on the card");
    }

    /** Signs on the card with each algorithm and verifies outside of it, and the other way round. */
    private void signatures(String algorithm) throws Exception {
        String alias = alias(algorithm);
        PrivateKey key = (PrivateKey) store.getKey(alias, null);
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
        if (key.getEncoded() != null) {
            throw new IllegalStateException("the card gave its private key away");
        }
        if (algorithm.equals("EC")) {
            for (String name : new String[] {"SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA"}) {
                signature(name, null, key, certificate, MESSAGE);
            }
            signature("NONEwithECDSA", null, key, certificate,
                    MessageDigest.getInstance("SHA-256").digest(MESSAGE));
            return;
        }
        for (String hash : new String[] {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"}) {
            signature(hash + "withRSA", null, key, certificate, MESSAGE);
        }
        for (String hash : new String[] {"SHA-256", "SHA-384", "SHA-512"}) {
            PSSParameterSpec salted = new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash),
                    MessageDigest.getInstance(hash).getDigestLength(), 1);
            signature("RSASSA-PSS", salted, key, certificate, MESSAGE);
        }
        Cipher encrypt = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, certificate.getPublicKey());
        Cipher decrypt = Cipher.getInstance("RSA/ECB/PKCS1Padding", provider);
        decrypt.init(Cipher.DECRYPT_MODE, key);
        if (!Arrays.equals(decrypt.doFinal(encrypt.doFinal(MESSAGE)), MESSAGE)) {
            throw new IllegalStateException("decrypted to something else");
        }
        System.out.println("decrypted");
    }

    private void signature(String name, PSSParameterSpec parameters, PrivateKey key,
            X509Certificate certificate, byte[] message) throws Exception {
        Signature sign = Signature.getInstance(name, provider);
        Signature verify = Signature.getInstance(name, name.endsWith("ECDSA") ? "SunEC" : "SunRsaSign");
        if (parameters != null) {
            sign.setParameter(parameters);
            verify.setParameter(parameters);
        }
        sign.initSign(key);
        sign.update(message);
        byte[] signature = sign.sign();
        verify.initVerify(certificate);
        verify.update(message);
        if (!verify.verify(signature)) {
            throw new IllegalStateException(name + ": the signature is wrong");
        }
        sign.initVerify(certificate);
        sign.update(message);
        if (!sign.verify(signature)) {
            throw new IllegalStateException(name + ": the token itself does not verify it");
        }
        message = message.clone();
        message[0] ^= 1;
        sign.initVerify(certificate);
        sign.update(message);
        if (sign.verify(signature)) {
            throw new IllegalStateException(name + ": the token verifies another message");
        }
        System.out.println(name + ": verified");
    }

    /** Fetches a page over TLS with the card as client certificate. */
    private void tls(String protocol, int port, String trusted) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null, null);
        try (InputStream in = new FileInputStream(trusted)) {
            roots.setCertificateEntry("server",
                    CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, passcode);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
            socket.setEnabledProtocols(new String[] {protocol});
            socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            socket.getInputStream().transferTo(System.out);
        }
    }
}
