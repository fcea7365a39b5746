package org.mtasts;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Collection;

/** A request of step, plan, judge or tlsa_match: fixed fields, then parts behind them. */
final class Frame {
  private final ByteBuffer fields;
  private final ByteArrayOutputStream parts = new ByteArrayOutputStream();

  Frame(int size) {
    fields = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    put(0, Abi.FRAME_VERSION);
  }

  Frame put(int field, int value) {
    fields.putInt(field, value);
    return this;
  }

  Frame put(int field, Word word) {
    return put(field, word.number());
  }

  Frame put(int field, boolean value) {
    return put(field, value ? 1 : 0);
  }

  /** Appends content and writes its offset and length to a field. */
  Frame part(int field, byte[] content) {
    put(field, fields.capacity() + parts.size());
    put(field + 4, content.length);
    parts.writeBytes(content);
    return this;
  }

  /** Writes octets over a fixed field of their size. */
  Frame place(int field, byte[] content) {
    fields.put(field, content);
    return this;
  }

  byte[] octets() {
    return ByteBuffer.allocate(fields.capacity() + parts.size()).put(fields.array()).put(parts.toByteArray()).array();
  }

  /** Text crosses as UTF-8, never latin1: an octet that is no ASCII must not become one that is. */
  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A list: for each member a u16 length and its octets. */
  static byte[] list(Collection<byte[]> items) {
    ByteArrayOutputStream list = new ByteArrayOutputStream();
    for (byte[] item : items) append(list, item);
    return list.toByteArray();
  }

  static byte[] names(Collection<String> names) {
    return list(names.stream().map(Frame::utf8).toList());
  }

  static void append(ByteArrayOutputStream list, byte[] item) {
    if (item.length > 0xffff) throw new IllegalArgumentException("a list member of " + item.length + " octets");
    append16(list, item.length);
    list.writeBytes(item);
  }

  static void append16(ByteArrayOutputStream list, int number) {
    list.write(number & 0xff);
    list.write(number >> 8);
  }
}
