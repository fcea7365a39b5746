package org.mtasts;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/** Reads test/vectors; its README.md says what the fields mean. A field that is not known here fails the run. */
final class Vectors {
  static final Path FOLDER = Path.of("..", "..", "test", "vectors");

  private Vectors() {}

  static JsonObject read(String file) throws IOException {
    return JsonParser.parseString(Files.readString(FOLDER.resolve(file))).getAsJsonObject();
  }

  static void mustKnow(JsonObject vector, String... fields) {
    Set<String> unknown = new HashSet<>(vector.keySet());
    unknown.removeAll(Set.of("req", "name", "expect"));
    unknown.removeAll(Set.of(fields));
    if (!unknown.isEmpty()) throw new AssertionError("fields that are not known here: " + unknown);
  }

  /** One chunk, or an array of them. */
  static byte[] octets(JsonElement written) {
    if (written.isJsonPrimitive()) return Frame.utf8(written.getAsString());
    ByteArrayOutputStream octets = new ByteArrayOutputStream();
    if (written.isJsonArray()) {
      for (JsonElement part : written.getAsJsonArray()) octets.writeBytes(octets(part));
      return octets.toByteArray();
    }
    JsonObject chunk = written.getAsJsonObject();
    if (chunk.has("hex")) return HexFormat.of().parseHex(chunk.get("hex").getAsString());
    byte[] text = octets(chunk.get("text"));
    for (int i = 0; i < chunk.get("times").getAsInt(); i++) octets.writeBytes(text);
    return octets.toByteArray();
  }

  static List<byte[]> list(JsonElement array) {
    List<byte[]> all = new ArrayList<>();
    for (JsonElement one : array.getAsJsonArray()) all.add(octets(one));
    return all;
  }

  static List<String> texts(JsonObject vector, String field, List<String> otherwise) {
    if (!vector.has(field)) return otherwise;
    List<String> all = new ArrayList<>();
    for (JsonElement one : vector.getAsJsonArray(field)) all.add(one.getAsString());
    return all;
  }

  static String text(JsonObject vector, String field, String otherwise) {
    return vector.has(field) ? vector.get(field).getAsString() : otherwise;
  }

  static <W extends Word> W byWord(W[] all, String word) {
    for (W one : all) if (one.word().equals(word)) return one;
    throw new AssertionError("no number for " + word);
  }

  static Set<Abi.Leniency> leniency(JsonObject vector, String field) {
    Set<Abi.Leniency> set = EnumSet.noneOf(Abi.Leniency.class);
    for (String word : texts(vector, field, List.of())) set.add(byWord(Abi.Leniency.values(), word));
    return set;
  }

  static JsonArray words(List<String> words) {
    JsonArray array = new JsonArray();
    words.forEach(array::add);
    return array;
  }

  /** "a b" of what is not empty. */
  static String joined(String... parts) {
    return String.join(" ", java.util.Arrays.stream(parts).filter(part -> !part.isEmpty()).toList());
  }
}
