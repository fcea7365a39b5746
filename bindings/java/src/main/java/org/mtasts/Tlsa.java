package org.mtasts;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What the TLSA exports take and give (RFC 6698, RFC 7672). */
public final class Tlsa {
  private Tlsa() {}

  /** What a TLSA RRset is worth, and the RDATA of the records that remain. */
  public record Usable(Abi.DaneState state, List<byte[]> remain) {}

  /** The DANE state of an MX host; while it is UNKNOWN, {@code base} is the candidate to ask for next. */
  public record Base(Abi.DaneState state, Abi.Base base) {}

  /** A record (RDATA) and the certificate it matches, counted from 0, the server's own. */
  public record Match(byte[] record, int certificate) {}

  /** A certificate that a server sent and its SubjectPublicKeyInfo, both DER. */
  public record PeerCertificate(byte[] certificate, byte[] publicKey) {
    /** As tlsa_match has it: four digests, then both in full behind their lengths. */
    void appendTo(ByteArrayOutputStream list) {
      for (byte[] der : List.of(certificate, publicKey)) {
        list.writeBytes(digest("SHA-256", der));
        list.writeBytes(digest("SHA-512", der));
      }
      for (byte[] der : List.of(certificate, publicKey)) {
        list.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(der.length).array());
        list.writeBytes(der);
      }
    }
  }

  static byte[] digest(String algorithm, byte[] octets) {
    try {
      return MessageDigest.getInstance(algorithm).digest(octets);
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every JRE has both
    }
  }

  static Usable usable(byte[] list, ModuleInstance.Reply reply) {
    List<byte[]> remain = new ArrayList<>();
    for (int at = 8; at < reply.payload().length; at += 8) remain.add(part(list, reply, at));
    return new Usable(Abi.DaneState.of(reply.u32(0)), remain);
  }

  static byte[] request(List<byte[]> records, List<PeerCertificate> certificates) {
    ByteArrayOutputStream peers = new ByteArrayOutputStream();
    for (PeerCertificate peer : certificates) peer.appendTo(peers);
    return new Frame(Abi.M_SIZE)
        .part(Abi.M_RECORDS, Frame.list(records))
        .part(Abi.M_CERTIFICATES, peers.toByteArray())
        .octets();
  }

  static List<Match> matches(byte[] request, ModuleInstance.Reply reply) {
    List<Match> matches = new ArrayList<>();
    for (int at = 0; at < reply.payload().length; at += Abi.MATCH_ENTRY)
      matches.add(new Match(part(request, reply, at), reply.u32(at + 8)));
    return matches;
  }

  private static byte[] part(byte[] request, ModuleInstance.Reply reply, int at) {
    int start = reply.u32(at);
    return Arrays.copyOfRange(request, start, start + reply.u32(at + 4));
  }
}
