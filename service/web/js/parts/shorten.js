/** A text of at most so many letters. */
export const shorten = (text, letters) => (text.length > letters ? `${text.slice(0, letters - 1)}…` : text);
