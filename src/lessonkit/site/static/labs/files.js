// Files that lie beside these scripts.
export const address = name => new URL(name, import.meta.url);

export async function fetched(name, kind) {
  const answer = await fetch(address(name));
  if (!answer.ok) throw new Error(`${name} is missing on this server.`);
  return answer[kind]();
}
