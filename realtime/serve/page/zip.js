// A ZIP file of files that are compressed already, and are only stored in it.

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes) {
  let sum = -1;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const two = value => [value, value >>> 8], four = value => [...two(value), ...two(value >>> 16)];

// files: [{ name, blob }], each name once.
export async function zip(files) {
  const parts = [], directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const title = new TextEncoder().encode(name);
    const sum = checksum(new Uint8Array(await blob.arrayBuffer()));
    // Version, names in UTF-8, stored, the time, the first of January 1980, checksum, sizes, length of the name, no extras.
    const about = [two(20), two(0x800), two(0), two(0), two(33), four(sum), four(blob.size), four(blob.size), two(title.length), two(0)].flat();
    const head = new Uint8Array([...four(0x04034b50), ...about]);
    parts.push(head, title, blob);
    directory.push(new Uint8Array([...four(0x02014b50), ...two(20), ...about, ...Array(10).fill(0), ...four(offset)]), title);
    offset += head.length + title.length + blob.size;
  }
  const size = new Blob(directory).size;
  const end = [four(0x06054b50), two(0), two(0), two(files.length), two(files.length), four(size), four(offset), two(0)].flat();
  return new Blob([...parts, ...directory, new Uint8Array(end)], { type: "application/zip" });
}
