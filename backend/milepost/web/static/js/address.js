/** The view as an address: `?v=plate&o=order&f=filter&q=words&z=zoom&c=lat,lng`. A reload or a copied link shows the same. */

/** @returns {{vehicle: string, order: string, filter: string, query: string, center: {lat: number, lng: number, zoom: number} | null}} */
export function readAddress(search = location.search) {
  const query = new URLSearchParams(search);
  const [lat, lng] = (query.get("c") ?? "").split(",").map(Number);
  const zoom = Number(query.get("z"));
  const placed = query.has("c") && Number.isFinite(lat) && Number.isFinite(lng) && zoom >= 1 && zoom <= 22;
  return {
    vehicle: query.get("v") ?? "", order: query.get("o") ?? "", filter: query.get("f") ?? "", query: query.get("q") ?? "",
    center: placed ? { lat, lng, zoom } : null,
  };
}

/** Replace the address without a new entry in the history. */
export function writeAddress({ vehicle, order, filter, query, center }) {
  const search = new URLSearchParams(location.search);
  const put = (name, value) => (value ? search.set(name, value) : search.delete(name));
  put("v", vehicle);
  put("o", order);
  put("f", filter);
  put("q", query);
  put("z", String(Math.round(center.zoom * 100) / 100));
  put("c", `${center.lat.toFixed(5)},${center.lng.toFixed(5)}`);
  search.delete("lang");
  history.replaceState(null, "", `?${search}`);
}
