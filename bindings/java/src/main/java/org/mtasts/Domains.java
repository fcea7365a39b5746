package org.mtasts;

import java.util.Locale;
import java.util.regex.Pattern;

/** Names of policy domains. */
final class Domains {
  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern NUMBER = Pattern.compile("[0-9]+|0x[0-9a-f]*");
  private static final int LONGEST = 253;

  private Domains() {}

  /**
   * The one form in which a domain is looked up and kept: ASCII lower case, no trailing dot. U-labels are not converted.
   *
   * @throws IllegalArgumentException it is no domain of RFC 5321 in A-labels (addresses, ports, empty labels included)
   */
  static String canonical(String text) {
    // The characters first: some others become ASCII letters when put into lower case.
    boolean ascii = text.chars().allMatch(c -> c < 0x80);
    String name = text.toLowerCase(Locale.ROOT);
    if (name.endsWith(".")) name = name.substring(0, name.length() - 1);
    String[] labels = name.split("\\.", -1);
    boolean fits = ascii && name.length() <= LONGEST && !NUMBER.matcher(labels[labels.length - 1]).matches();
    for (String label : labels) fits &= LABEL.matcher(label).matches();
    if (!fits) throw new IllegalArgumentException("not a domain in A-labels");
    return name;
  }

  /** A name one label longer, or null where that is too long for DNS. */
  static String below(String label, String domain) {
    String name = label + "." + domain;
    return name.length() <= LONGEST ? name : null;
  }
}
